//! The floor of the benchmarks: a clap binary with the command of the fixture plugin `hello` compiled in.

use std::io::Write;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "floor")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Greet somebody
    Hello {
        /// Who to greet
        #[arg(long, default_value = "world")]
        name: String,
        /// How often
        #[arg(long, default_value_t = 1)]
        times: u32,
        /// In capital letters
        #[arg(long)]
        loud: bool,
        /// What stands at the end
        #[arg(long, default_value = "!")]
        end: String,
        /// The format of the result
        #[arg(short, long, default_value = "json")]
        output: String,
    },
}

fn main() -> std::io::Result<()> {
    let Command::Hello { name, times, loud, end, output } = Cli::parse().command;
    let mut greeting = format!("Hello {name}{end}");
    if loud {
        greeting = greeting.to_uppercase();
    }
    let line = match output.as_str() {
        "json" => serde_json::json!({ "greeting": greeting, "times": times }).to_string(),
        _ => greeting,
    };
    writeln!(std::io::stdout(), "{line}")
}
