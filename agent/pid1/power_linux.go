package pid1

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// powerSocket names the socket on which the first process takes requests, root's only.
	powerSocket = "/run/postern/power"
	// powerTime bounds a request.
	powerTime = 5 * time.Second
)

// Ask has the instance's first process do something, or does it at once where it is forced.
func Ask(p Power) error {
	if p.Force && p.Action != Cancel {
		return p.Action.reboot()
	}
	conn, err := net.DialTimeout("unix", powerSocket, powerTime)
	if err != nil {
		return fmt.Errorf("the instance's first process does not answer (only root may ask): %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(powerTime)); err != nil {
		return err
	}
	if err := json.NewEncoder(conn).Encode(p); err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 4096))
	if err != nil {
		return err
	}
	if string(answer) != "ok" {
		return errors.New(string(answer))
	}
	return nil
}

// reboot is reboot(2), which ends the pid namespace and tells whoever holds it why (pid_namespaces(7)).
func (a Action) reboot() error {
	how := unix.LINUX_REBOOT_CMD_POWER_OFF
	if a == Reboot {
		how = unix.LINUX_REBOOT_CMD_RESTART
	}
	return unix.Reboot(how)
}

// powerSignals maps the signals that busybox's commands and others send to the first process. Every other signal that
// would end a program is heard and does nothing.
var powerSignals = map[os.Signal]Action{
	unix.SIGTERM: Reboot, unix.SIGINT: Reboot, unix.SIGUSR1: PowerOff, unix.SIGUSR2: PowerOff,
}

// takePower hears requests until the process ends. Where there can be no socket, signals remain.
func (i *initProcess) takePower() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGHUP, unix.SIGQUIT, unix.SIGALRM)
	go func() {
		for s := range signals {
			if a, ok := powerSignals[s]; ok {
				i.powers <- Power{Action: a}
			}
		}
	}()
	listener, err := net.Listen("unix", powerSocket)
	if err != nil {
		i.log("no socket for shutdown: %v", err)
		return
	}
	if err := os.Chmod(powerSocket, 0o600); err != nil {
		i.log("no socket for shutdown: %v", err)
		listener.Close()
		return
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			i.servePower(conn)
		}
	}()
}

func (i *initProcess) servePower(conn net.Conn) {
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(powerTime)) != nil {
		return
	}
	var p Power
	err := json.NewDecoder(io.LimitReader(conn, 4096)).Decode(&p)
	if err == nil {
		err = p.check()
	}
	answer := "ok"
	if err != nil {
		answer = err.Error()
	}
	if _, werr := io.WriteString(conn, answer); err == nil && werr == nil {
		i.powers <- p
	}
}

// check says what is wrong with a request, if anything is.
func (p Power) check() error {
	if p.Action != Reboot && p.Action != PowerOff && p.Action != Cancel {
		return fmt.Errorf("no action %q", p.Action)
	}
	if p.After < 0 {
		return fmt.Errorf("%s in %v: that is in the past", p.Action, p.After)
	}
	return nil
}

// plan sets, or takes back, what is to become of the instance. It returns true where that is now.
func (i *initProcess) plan(p Power) bool {
	i.due.Stop()
	switch {
	case p.Action == Cancel:
		i.log("nothing is planned any more")
		i.next = ""
		return false
	case p.After > 0:
		i.log("%s in %v", p.Action, p.After.Round(time.Second))
		i.next = p.Action
		i.due.Reset(p.After)
		return false
	}
	i.next = p.Action
	return true
}

// carryOut ends every process in good order and then the instance. It returns only where the kernel refuses.
func (i *initProcess) carryOut(children <-chan os.Signal) int {
	i.log("%s", i.next)
	i.endAll(children)
	if err := i.next.reboot(); err != nil {
		i.log("%s: %v", i.next, err)
	}
	return 1
}
