resource "aws_ssm_activation" "hybrid" {
  name               = "${var.name}-hybrid"
  description        = "machines that are no instances"
  iam_role           = aws_iam_role.node.name
  registration_limit = 5
  depends_on         = [aws_iam_role_policy_attachment.core]
}

