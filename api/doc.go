// Package api is the skin: the one pipeline that every AWS request goes through, and the operations that it serves,
// as data. One folder below it holds the operations of one AWS endpoint.
//
//	read → service → authenticate → route → decode → authorise → handle → encode → record
package api
