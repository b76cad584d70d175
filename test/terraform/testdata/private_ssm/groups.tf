data "aws_prefix_list" "s3" {
  name = "com.amazonaws.${data.aws_region.current.name}.s3"
}

# Nodes: rules as resources of their own. Nothing comes in; HTTPS goes out to the endpoints and to S3.
resource "aws_security_group" "nodes" {
  name        = "${var.name}-nodes"
  description = "managed nodes"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  security_group_id            = aws_security_group.nodes.id
  description                  = "HTTPS to the endpoints"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.endpoints.id
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.nodes.id
  description       = "HTTPS to S3"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = data.aws_prefix_list.s3.id
}

# The older kind of rule resource.
resource "aws_security_group_rule" "ping" {
  security_group_id = aws_security_group.nodes.id
  type              = "ingress"
  description       = "ping between nodes"
  protocol          = "icmp"
  from_port         = 8
  to_port           = -1
  self              = true
}

# Endpoints: rules inline.
resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "interface endpoints"
  vpc_id      = aws_vpc.this.id

  ingress {
    description     = "HTTPS from managed nodes"
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    security_groups = [aws_security_group.nodes.id]
  }
}
