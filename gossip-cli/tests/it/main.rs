//! The program as users run it: real processes, real sockets.
