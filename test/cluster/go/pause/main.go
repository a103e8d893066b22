// The process that holds a pod's namespaces: it waits until it is told to end, and reaps what is left to it where it is process 1 of a
// shared process namespace.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if filepath.Base(os.Args[0]) == "volume" {
		if err := volume(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "volume:", err)
			os.Exit(1)
		}
		return
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}
