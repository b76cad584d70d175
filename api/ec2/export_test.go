package ec2

// AbsentOperations names the Describe calls on what Postern has none of.
func AbsentOperations() (names []string) {
	for _, op := range new(service).absentOperations() {
		names = append(names, op.Name)
	}
	return names
}
