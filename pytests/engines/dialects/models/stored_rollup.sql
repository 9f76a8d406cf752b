{{ log_loss._stored_rollup(ref('log_loss', 'int_log_loss__rollup')) }}
