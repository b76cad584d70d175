package wire

// Codec turns the bytes of one operation's requests and answers into values and back. It is safe for concurrent use.
type Codec struct{}
