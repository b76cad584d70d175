// Package flowlog is the pen of VPC flow logs: it takes the fabric's records, finds the flow logs that they belong to,
// and writes them in Amazon's record format to files that lie in a folder as Amazon's lie in a bucket.
//
//	FOLDER/AWSLogs/ACCOUNT/vpcflowlogs/REGION/YYYY/MM/DD/ACCOUNT_vpcflowlogs_REGION_fl-ID_YYYYMMDDTHHMMZ_HASH.log.gz
//
// A file begins with the names of its fields. It is written whole at the end of an interval, so what is there is
// complete. The oldest files of a flow log go when all of its files together become too large.
package flowlog
