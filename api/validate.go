package api

// validate checks a request's members against the service's model: what no request of the operation may hold is refused
// before anybody is asked whether the caller may make it, as on AWS, and so that no policy is compared with a text of
// any length.
func (x *exchange) validate(in any) error { return x.op.codec.Validate(in) }
