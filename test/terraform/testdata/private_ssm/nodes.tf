data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com", "ssm.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "buckets" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::aws-ssm-${data.aws_region.current.name}/*"]
  }
}

resource "aws_iam_role" "node" {
  name               = "${var.name}-node"
  description        = "what managed nodes may do"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy_attachment" "core" {
  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy" "buckets" {
  name   = "buckets"
  role   = aws_iam_role.node.id
  policy = data.aws_iam_policy_document.buckets.json
}

resource "aws_iam_instance_profile" "node" {
  name = "${var.name}-node"
  role = aws_iam_role.node.name
}

data "aws_ami" "node" {
  most_recent = true
  owners      = ["self", "amazon"]
  filter {
    name   = "name"
    values = ["postern-host"]
  }
}

resource "aws_instance" "node" {
  ami                    = data.aws_ami.node.id
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.private[0].id
  vpc_security_group_ids = [aws_security_group.nodes.id]
  iam_instance_profile   = aws_iam_instance_profile.node.name
  user_data              = <<-EOT
    #!/bin/sh
    echo "made by terraform" > /etc/postern-user-data
  EOT
  root_block_device {
    volume_type = "gp3"
    volume_size = 20
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }
  tags = { Name = var.name }

  # A node that starts before its endpoints are there finds them later: here it need not look twice.
  depends_on = [aws_vpc_endpoint.interface]
}
