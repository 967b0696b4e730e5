//! `astro completion`: registers completion in a shell.

use astro_plugin_protocol::manifest::Command;

use super::{Request, choices, command, positional};
use crate::{cli::complete, config::this_binary, error::Result};

pub(super) fn commands() -> Vec<Command> {
    let mut shell = positional("shell", "The shell", true);
    shell.choices = choices(&["bash", "zsh", "fish"]);
    let mut completion = command(
        "completion",
        "Print the script that completes commands, options and values in a shell",
        vec![shell],
        &[
            ("astro completion bash > ~/.local/share/bash-completion/completions/astro", "Complete in bash"),
            ("astro completion zsh > ~/.zfunc/_astro", "Complete in zsh, with ~/.zfunc in fpath"),
            ("astro completion fish > ~/.config/fish/completions/astro.fish", "Complete in fish"),
        ],
    );
    completion.long_about = "Print the script that completes commands, options and values in a shell.\n\nIt asks astro each time, so newly installed plugins complete at once and the script never has to be written again.".to_owned();
    vec![completion]
}

pub(super) fn completion(request: &Request<'_>) -> Result<i32> {
    let shell = request.required("shell")?;
    let script = complete::registration(shell, &this_binary()?.to_string_lossy())?;
    request.app.print_bytes(&script)
}
