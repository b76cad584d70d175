# The alternative road: a public subnet with an Internet gateway, private ones behind NAT gateways, no endpoint.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  default_tags {
    tags = { Story = "gateways" }
  }
}

variable "interval" {
  default = 60
}

variable "nodes_out" {
  description = "where the private subnet goes out: nat, or nowhere"
  default     = "nat"
}

data "aws_availability_zones" "here" {
  state = "available"
}

data "aws_ami" "host" {
  most_recent = true
  owners      = ["self", "amazon"]
}

resource "aws_vpc" "this" {
  cidr_block           = "10.40.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "public" {
  count                   = 2
  vpc_id                  = aws_vpc.this.id
  cidr_block              = cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)
  availability_zone       = data.aws_availability_zones.here.names[count.index]
  map_public_ip_on_launch = true
}

resource "aws_subnet" "private" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, 10 + count.index)
  availability_zone = data.aws_availability_zones.here.names[count.index]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_eip" "nat" {
  count      = 2
  domain     = "vpc"
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  count         = 2
  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  depends_on    = [aws_internet_gateway.this]
  tags          = { Name = "nat-${count.index}" }
}

resource "aws_nat_gateway" "private" {
  connectivity_type = "private"
  subnet_id         = aws_subnet.private[1].id
}

resource "aws_route_table" "private" {
  count  = 2
  vpc_id = aws_vpc.this.id
}

resource "aws_route" "out" {
  count                  = var.nodes_out == "nat" ? 2 : 0
  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[count.index].id
}

resource "aws_route_table_association" "private" {
  count          = 2
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[count.index].id
}

resource "aws_security_group" "nodes" {
  name        = "nodes"
  description = "out only"
  vpc_id      = aws_vpc.this.id
  egress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_network_interface" "fixed" {
  subnet_id       = aws_subnet.public[0].id
  security_groups = [aws_security_group.nodes.id]
}

resource "aws_eip" "fixed" {
  domain            = "vpc"
  network_interface = aws_network_interface.fixed.id
}

resource "aws_eip" "moved" {
  domain = "vpc"
}

resource "aws_eip_association" "moved" {
  allocation_id = aws_eip.moved.id
  instance_id   = aws_instance.public.id
}

resource "aws_iam_role" "nodes" {
  name = "gateways-nodes"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "nodes" {
  role       = aws_iam_role.nodes.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "nodes" {
  name = "gateways-nodes"
  role = aws_iam_role.nodes.name
}

resource "aws_instance" "private" {
  ami                    = data.aws_ami.host.id
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.private[0].id
  vpc_security_group_ids = [aws_security_group.nodes.id]
  iam_instance_profile   = aws_iam_instance_profile.nodes.name
  depends_on             = [aws_route.out, aws_iam_role_policy_attachment.nodes]
}

resource "aws_instance" "public" {
  ami                         = data.aws_ami.host.id
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.public[1].id
  vpc_security_group_ids      = [aws_security_group.nodes.id]
  iam_instance_profile        = aws_iam_instance_profile.nodes.name
  associate_public_ip_address = true
  depends_on                  = [aws_route_table_association.public, aws_iam_role_policy_attachment.nodes]
}

resource "aws_flow_log" "vpc" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "ALL"
  log_destination_type     = "s3"
  log_destination          = "arn:aws:s3:::postern-flow-logs"
  max_aggregation_interval = var.interval
}

resource "aws_flow_log" "subnet" {
  subnet_id            = aws_subnet.private[0].id
  traffic_type         = "REJECT"
  log_destination_type = "s3"
  log_destination      = "arn:aws:s3:::postern-flow-logs/rejects"
  log_format           = "$${version} $${interface-id} $${srcaddr} $${dstaddr} $${action} $${flow-direction}"
}

data "aws_nat_gateway" "first" {
  id = aws_nat_gateway.this[0].id
}

data "aws_eip" "fixed" {
  id = aws_eip.fixed.id
}

data "aws_internet_gateway" "this" {
  filter {
    name   = "attachment.vpc-id"
    values = [aws_vpc.this.id]
  }
  depends_on = [aws_internet_gateway.this]
}

output "instances" {
  value = [aws_instance.private.id, aws_instance.public.id]
}

output "seen" {
  value = {
    nat     = data.aws_nat_gateway.first.public_ip == aws_eip.nat[0].public_ip
    fixed   = data.aws_eip.fixed.private_ip == aws_network_interface.fixed.private_ip
    gateway = data.aws_internet_gateway.this.internet_gateway_id == aws_internet_gateway.this.id
  }
}

output "ids" {
  value = {
    "aws_nat_gateway.this[0]"   = aws_nat_gateway.this[0].id
    "aws_eip.nat[0]"            = aws_eip.nat[0].id
    "aws_eip_association.moved" = aws_eip_association.moved.id
    "aws_internet_gateway.this" = aws_internet_gateway.this.id
    "aws_flow_log.vpc"          = aws_flow_log.vpc.id
  }
}
