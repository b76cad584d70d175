// Package api is the pipeline that every AWS request goes through, and the operations that it serves, as data.
//
//	read → service → authenticate → route → decode → authorise → handle → encode → record
//
// One folder below it holds the operations of one AWS endpoint. All have one shape:
//
//	doc.go         what the endpoint is
//	service.go     Config, New and what all handlers share
//	operations.go  the table: a row for each operation
//	<resource>.go  the handlers of one resource: they translate, and decide nothing
//
// A folder whose table is long has packages of that shape below it. Package page cuts lists into pages and package tags
// converts tags, for all of them. docs/adding-an-operation.md says how a row and its handler are written.
package api
