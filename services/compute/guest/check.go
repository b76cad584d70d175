package guest

// Missing is something that this host lacks for guests: what, why, and the remedy, in one line.
type Missing struct {
	What   string `json:"what"`
	Why    string `json:"why"`
	Remedy string `json:"remedy"`
}

func (m *Missing) Error() string { return m.What + ": " + m.Why + "; remedy: " + m.Remedy }

// ProbePrefix begins the name of the directory that Check makes; a process that is killed leaves it behind.
const ProbePrefix = "probe-"
