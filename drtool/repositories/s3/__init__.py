"""A bucket with Object Lock: what S3 promises of a repository that lies in one."""
