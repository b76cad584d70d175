# The other ways in which the same things are written: for_each over maps, modules of rules inside one resource, what a
# VPC is born with taken over, and look-ups of what is there already.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

variable "https_from" {
  type    = string
  default = "10.30.0.0/16"
}

variable "zones" {
  type    = map(string)
  default = { a = "10.30.1.0/24", b = "10.30.2.0/24" }
}

variable "services" {
  type    = list(string)
  default = ["ssm", "ssmmessages"]
}

data "aws_region" "current" {}

resource "aws_vpc" "this" {
  cidr_block           = "10.30.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "styles" }
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.31.0.0/16"
}

resource "aws_subnet" "private" {
  for_each          = var.zones
  vpc_id            = aws_vpc.this.id
  availability_zone = "${data.aws_region.current.name}${each.key}"
  cidr_block        = each.value
  tags              = { Name = "styles-${each.key}", Tier = "private" }
}

# What the VPC was born with.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
}

resource "aws_default_route_table" "main" {
  default_route_table_id = aws_vpc.this.default_route_table_id
  tags                   = { Name = "styles-main" }
}

resource "aws_default_network_acl" "open" {
  default_network_acl_id = aws_vpc.this.default_network_acl_id
  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }
  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }
  lifecycle {
    ignore_changes = [subnet_ids]
  }
}

resource "aws_network_acl" "private" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = [aws_subnet.private["a"].id]
  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 443
    to_port    = 443
    cidr_block = var.https_from
  }
  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 1024
    to_port    = 65535
    cidr_block = aws_vpc.this.cidr_block
  }
  tags = { Name = "styles-private" }
}

resource "aws_network_acl" "bare" {
  vpc_id = aws_vpc.this.id
}

resource "aws_network_acl_rule" "bare" {
  for_each       = { in = false, out = true }
  network_acl_id = aws_network_acl.bare.id
  rule_number    = 100
  egress         = each.value
  protocol       = "-1"
  rule_action    = "allow"
  cidr_block     = var.https_from
}

resource "aws_network_acl_association" "b" {
  network_acl_id = aws_network_acl.bare.id
  subnet_id      = aws_subnet.private["b"].id
}

resource "aws_ec2_managed_prefix_list" "clients" {
  name           = "styles-clients"
  address_family = "IPv4"
  max_entries    = 2
  entry {
    cidr        = var.https_from
    description = "who may ask the endpoints"
  }
}

resource "aws_security_group" "endpoints" {
  name_prefix = "styles-"
  description = "interface endpoints"
  vpc_id      = aws_vpc.this.id
  dynamic "ingress" {
    for_each = toset([443])
    content {
      protocol    = "tcp"
      from_port   = ingress.value
      to_port     = ingress.value
      cidr_blocks = [var.https_from]
    }
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_vpc_endpoint" "services" {
  count               = length(var.services)
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.current.name}.${var.services[count.index]}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for s in aws_subnet.private : s.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Principal = "*", Action = "*", Resource = "*" }]
  })
  depends_on = [aws_network_interface.spare] # whose address an endpoint might draw
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id       = aws_vpc.this.id
  service_name = "com.amazonaws.${data.aws_region.current.name}.s3"
}

resource "aws_vpc_endpoint_route_table_association" "s3" {
  vpc_endpoint_id = aws_vpc_endpoint.s3.id
  route_table_id  = aws_default_route_table.main.id
}

resource "aws_iam_policy" "buckets" {
  name = "styles-buckets"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::aws-ssm-*/*" }]
  })
}

resource "aws_iam_role" "node" {
  name_prefix = "styles-"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
  tags = { Team = "network" }
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = {
    core    = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    buckets = aws_iam_policy.buckets.arn
  }
  role       = aws_iam_role.node.name
  policy_arn = each.value
}

resource "aws_network_interface" "spare" {
  subnet_id       = aws_subnet.private["b"].id
  private_ips     = ["10.30.2.50"]
  security_groups = [aws_security_group.endpoints.id]
  tags            = { Name = "styles-spare" }
}

# A second VPC that shares the endpoints over a peering connection.
resource "aws_vpc" "spoke" {
  cidr_block = "10.40.0.0/16"
  tags       = { Name = "styles-spoke" }
}

resource "aws_vpc_peering_connection" "spoke" {
  vpc_id      = aws_vpc.spoke.id
  peer_vpc_id = aws_vpc.this.id
  auto_accept = true
  tags        = { Name = "styles-spoke" }
}

resource "aws_vpc_peering_connection_options" "spoke" {
  vpc_peering_connection_id = aws_vpc_peering_connection.spoke.id
  requester {
    allow_remote_vpc_dns_resolution = true
  }
}

resource "aws_route_table" "spoke" {
  vpc_id = aws_vpc.spoke.id
  route {
    cidr_block                = aws_vpc.this.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.spoke.id
  }
}

resource "aws_main_route_table_association" "spoke" {
  vpc_id         = aws_vpc.spoke.id
  route_table_id = aws_route_table.spoke.id
}

resource "aws_route" "to_spoke" {
  route_table_id            = aws_default_route_table.main.id
  destination_cidr_block    = aws_vpc.spoke.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.spoke.id
}

# What is there already, found again.
data "aws_vpc" "found" {
  tags       = { Name = "styles" }
  depends_on = [aws_vpc.this]
}

data "aws_subnets" "private" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.found.id]
  }
  tags       = { Tier = "private" }
  depends_on = [aws_subnet.private]
}

data "aws_security_groups" "all" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.this.id]
  }
  depends_on = [aws_security_group.endpoints]
}

data "aws_route_tables" "all" {
  vpc_id = aws_vpc.this.id
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.${data.aws_region.current.name}.s3"
}

output "subnets" {
  value = join(",", sort(data.aws_subnets.private.ids))
}

# What the test imports again, by address.
output "ids" {
  value = {
    "aws_security_group.endpoints" = aws_security_group.endpoints.id
    "aws_network_acl.private"      = aws_network_acl.private.id
    "aws_vpc_endpoint.s3"          = aws_vpc_endpoint.s3.id
  }
}
