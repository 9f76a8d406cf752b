select * from raw.predictions
