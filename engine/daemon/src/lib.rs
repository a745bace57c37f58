//! The daemon behind `riptide`: command line, configuration file, recordings in, reports out.
//!
//! Layout: [`cli`] reads the command line and holds the table of exit codes, [`cli_output`] writes
//! results and errors, [`check`] reads a configuration file, [`inspect_book`] rebuilds books from a
//! recording, [`emulate`] serves emulated venues, [`replay`] runs recordings through the whole engine, [`project`] makes the tables of a
//! journal, [`why`] explains what a journal's run decided.
//!
//! Deliberately absent: decisions. What a frame means is the connectors' business, what it is worth
//! the core's. Start reading at [`cli::run`].

pub mod check;
pub mod cli;
pub mod cli_output;
pub mod demo;
pub mod emulate;
pub mod inspect_book;
pub mod journal;
pub mod live;
pub mod project;
pub mod record;
pub mod replay;
pub mod why;
