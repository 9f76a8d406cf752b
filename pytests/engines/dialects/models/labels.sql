select * from raw.labels
