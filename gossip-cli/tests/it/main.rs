//! The program as users run it: real processes, real sockets.

mod admin;
mod cluster;
mod config;
mod demo;
mod lifecycle;
mod real_input;
mod support;
