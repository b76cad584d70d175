// Package endpoints translates the operations of the EC2 API on VPC endpoints, and on endpoint services of one's own
// with their connections, permissions and notifications.
package endpoints
