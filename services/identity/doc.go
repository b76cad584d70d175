// Package identity knows who there is: accounts, their root credentials, users, roles, instance profiles, policies and
// access keys, and the temporary credentials that roles give.
//
//	root user ── access key                    made with the account, shown once
//	user ─────── access keys (AKIA…) ── inline and managed policies
//	role ─────── trust policy ──────── inline and managed policies
//	  └ session ─ temporary credentials (ASIA…), good for minutes to hours:
//	      AssumeRole            arn:aws:sts::A:assumed-role/ROLE/NAME
//	      instance profile      arn:aws:sts::A:assumed-role/ROLE/i-…
//	      hybrid node           arn:aws:sts::A:assumed-role/ROLE/mi-…
//	      default host mgmt.    arn:aws:sts::A:assumed-role/ROLE/i-…
//	instance identity           arn:aws:sts::A:assumed-role/aws:ec2-instance/i-…
//
// Lookup stands in the path of every request: it answers from memory whose key signed, and with which policies,
// compiled.
//
// Secret keys have to be recoverable, because signatures are made with them; they are stored sealed. A session is not
// stored at all: its token is the session itself, sealed, so that temporary credentials survive a restart and every
// server that has the sealing key knows them. A session ends with its time, with its role (a role made anew under the
// same name is another one), or when everything issued to its instance or node is revoked.
package identity
