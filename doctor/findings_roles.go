package doctor

// bucketKinds are about Amazon's own buckets, which agents and patch commands read.
var bucketKinds = []Kind{
	{
		ID: "bucket/endpoint-policy", Title: "The S3 endpoint's policy keeps Amazon's buckets from the node",
		Severity: Broken,
		Means: "Agents are updated from amazon-ssm-REGION; the code and the snapshots of patch baselines come from " +
			"aws-ssm-REGION, patch-baseline-snapshot-REGION and aws-patch-manager-REGION-SUFFIX, some with suffixes of " +
			"their own. The endpoint's policy does not allow s3:GetObject on all that the wanted features need.",
		Shows: "Patch commands fail because they cannot download their payload; the agent is not updated.",
		Mend:  "Let the endpoint's policy allow s3:GetObject on the buckets that the finding names.",
		Page:  pageBuckets,
	},
	{
		ID: "bucket/role", Title: "The role may not read Amazon's buckets", Severity: Broken,
		Means: "With endpoints in use the node's role needs s3:GetObject on Amazon's own buckets; " +
			"AmazonSSMManagedInstanceCore does not have it.",
		Shows: "Patch commands fail because they cannot download their payload; the agent is not updated.",
		Mend:  "Let a policy of the role allow s3:GetObject on the buckets that the finding names.",
		Page:  pageBuckets,
	},
}

// roleKinds are about the role that the node's agent has.
var roleKinds = []Kind{
	{
		ID: "role/missing", Title: "The agent has no role", Severity: Broken,
		Means: "The instance has no instance profile and default host management is off, or the machine's " +
			"activation gave it no service role; so the agent has no credentials.",
		Shows: "The agent's log says that it finds no credentials, and the node never registers or is " +
			"ConnectionLost.",
		Mend: "Associate an instance profile whose role has AmazonSSMManagedInstanceCore, or give the machine such " +
			"a service role.",
		Page: pagePermissions,
	},
	{
		ID: "role/not-trusted", Title: "The role's trust policy does not let the service assume it", Severity: Broken,
		Means: "ec2.amazonaws.com assumes the role of an instance profile, ssm.amazonaws.com a service role; this " +
			"role's trust policy does not allow that.",
		Shows: "The metadata service gives no credentials, or registration answers that the role cannot be assumed.",
		Mend:  "Let the role's trust policy allow sts:AssumeRole to the service that the finding names.",
		Page:  pagePermissions,
	},
	{
		ID: "role/not-allowed", Title: "The role's policies do not allow what the agent does", Severity: Broken,
		Means: "None of the role's policies allows an action without which the node does not appear or gets no " +
			"commands.",
		Shows: "The agent's calls answer AccessDenied, and the node never registers or is ConnectionLost.",
		Mend:  "Attach AmazonSSMManagedInstanceCore to the role.",
		Page:  pagePermissions,
	},
	{
		ID: "role/denied", Title: "A policy of the role denies what the agent does", Severity: Broken,
		Means: "An explicit deny stands above every allow; no other policy mends it.",
		Shows: "The agent's calls answer AccessDenied with an explicit deny.",
		Mend:  "Take the deny out of the policy that the finding names, or narrow it.",
		Page:  pageEvaluation,
	},
	{
		ID: "role/boundary", Title: "The role's permissions boundary does not allow what the agent does", Severity: Broken,
		Means: "A permissions boundary limits what the role's policies can allow, and says nothing of these actions.",
		Shows: "The agent's calls answer AccessDenied though a policy of the role allows them.",
		Mend:  "Let the permissions boundary allow the actions too.",
		Page:  pageBoundaries,
	},
}
