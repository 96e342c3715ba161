//! The scheduler as a table: stimuli in, the whole list of instructions out.

mod clients;
mod computing;
mod coordination;
mod inspecting;
mod memory_manager;
mod plugins;
mod scaling;
mod shuffle;
mod spans;
mod stealing;
mod table;
mod workers;
