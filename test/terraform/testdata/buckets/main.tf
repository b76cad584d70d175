# A bucket as a security team wants it: versions, encryption, nothing public, one endpoint only, and what expires.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

variable "days" {
  type    = number
  default = 30
}

resource "aws_s3_bucket" "logs" {
  bucket = "lathe-logs"
  tags   = { hall = "7" }
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OneEndpointOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.logs.arn}/secret/*"
      Condition = { StringNotEquals = { "aws:SourceVpce" = "vpce-0123456789abcdef0" } }
    }]
  })
  depends_on = [aws_s3_bucket_public_access_block.logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    id     = "old"
    status = "Enabled"
    filter {
      prefix = "logs/"
    }
    expiration {
      days = var.days
    }
    noncurrent_version_expiration {
      noncurrent_days = 7
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
  depends_on = [aws_s3_bucket_versioning.logs]
}

resource "aws_s3_bucket_cors_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["https://hall.example"]
    max_age_seconds = 60
  }
}

resource "aws_s3_object" "manifest" {
  bucket                 = aws_s3_bucket.logs.id
  key                    = "config/manifest.json"
  content                = jsonencode({ hall = 7 })
  content_type           = "application/json"
  server_side_encryption = "AES256"
  tags                   = { kind = "manifest" }
  depends_on             = [aws_s3_bucket_versioning.logs]
}

data "aws_s3_object" "manifest" {
  bucket = aws_s3_bucket.logs.id
  key    = aws_s3_object.manifest.key
}

output "content" {
  value = data.aws_s3_object.manifest.body
}

output "region" {
  value = aws_s3_bucket.logs.region
}
