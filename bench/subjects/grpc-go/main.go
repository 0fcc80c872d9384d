// The echo service of the benches on grpc-go: `grpcgo server` and `grpcgo client`. Both take one JSON question a line on
// standard input and give one JSON answer a line on standard output; the first question is what to serve or whom to call.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// TLS is a certificate that signs itself, and its key; both PEM.
type TLS struct {
	Cert string
	Key  string
}

// Question is what the bench asks. The fields that one question needs are set.
type Question struct {
	Ask      string
	Reset    bool
	InFlight int
	Seconds  float64
	Kind     string
	Count    int
	// The first question's.
	Address     string
	Size        int
	Connections int
	TLS         *TLS
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	var actor func(Question) (any, error)
	for lines.Scan() {
		var question Question
		err := json.Unmarshal(lines.Bytes(), &question)
		var value any
		switch {
		case err != nil:
		case question.Ask == "usage":
			value = usage(question.Reset)
		case actor != nil:
			value, err = actor(question)
		case os.Args[1] == "server":
			actor, value, err = serve(question)
		default:
			actor, err = connect(question)
		}
		if err != nil {
			out.Encode(map[string]any{"error": err.Error()})
		} else {
			out.Encode(map[string]any{"value": value})
		}
	}
}

func usage(reset bool) map[string]any {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	cpu := (used.Utime.Sec+used.Stime.Sec)*1e6 + int64(used.Utime.Usec) + int64(used.Stime.Usec)
	status, _ := os.ReadFile("/proc/self/status")
	if reset {
		os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	}
	return map[string]any{"cpu": cpu, "peakRss": kilobytes(status, "VmHWM:"), "rss": kilobytes(status, "VmRSS:"), "heap": 0}
}

// kilobytes is what a line of /proc/self/status says, in bytes.
func kilobytes(status []byte, name string) int {
	for _, line := range strings.Split(string(status), "\n") {
		if rest, found := strings.CutPrefix(line, name); found {
			number, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return number * 1024
		}
	}
	return 0
}

func unknown(question Question) error {
	return fmt.Errorf("there is no question %s", question.Ask)
}
