package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

// Makes or removes the folder of a volume, as local-path-provisioner's helper pod is told to:
// volume -p PATH -s BYTES -m MODE -a create|delete. A static program needs no image with a shell.
func volume(arguments []string) error {
	flags := flag.NewFlagSet("volume", flag.ContinueOnError)
	path := flags.String("p", "", "folder of the volume")
	action := flags.String("a", "", "create or delete")
	flags.String("s", "", "size, which a folder cannot keep to")
	flags.String("m", "", "volume mode; only Filesystem reaches a helper of folders")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *path == "" {
		return errors.New("-p is missing")
	}
	switch *action {
	case "create":
		if err := os.MkdirAll(*path, 0o777); err != nil {
			return err
		}
		// The umask took bits away; any user of a pod may own the data.
		return os.Chmod(*path, 0o777)
	case "delete":
		return os.RemoveAll(*path)
	}
	return fmt.Errorf("unknown action %q", *action)
}
