"""The exchange's past: REST klines → history files on HDFS and rows in Postgres."""
