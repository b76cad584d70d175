package conntrack

// list orders flows by use, the latest first.
type list[D any] struct{ front, back *Flow[D] }

func (l *list[D]) push(f *Flow[D]) {
	f.prev, f.next = nil, l.front
	if l.front != nil {
		l.front.prev = f
	} else {
		l.back = f
	}
	l.front = f
}

func (l *list[D]) remove(f *Flow[D]) {
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		l.front = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	} else {
		l.back = f.prev
	}
	f.prev, f.next = nil, nil
}

func (l *list[D]) toFront(f *Flow[D]) {
	if l.front == f {
		return
	}
	l.remove(f)
	l.push(f)
}
