{{ log_loss._stored_ledger(ref('log_loss', 'int_log_loss__ledger')) }}
