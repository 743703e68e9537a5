"""A simulation of whole emulators, without sockets, threads and real time, and a checker of what clients are told."""
