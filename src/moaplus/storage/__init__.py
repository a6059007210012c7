"""Files on disk: whole or absent, their arrays and tables; and the error that a user is shown."""
