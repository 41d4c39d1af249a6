"""The lake: Iceberg tables on HDFS. The stream writes bronze; everything finer is made from it in batches."""
