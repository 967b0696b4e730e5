//! `astro completion`: registers completion in a shell.

use astro_plugin_protocol::{effect::Effect, manifest::Section};

use super::{Request, choices, command, positional};
use crate::{base::error::Result, cli::complete::Shell, commands::Builtin, program::APP};

pub(super) fn commands() -> Vec<Builtin> {
    let mut shell = positional("shell", "The shell", true);
    shell.choices = choices(Shell::NAMES);
    let mut completion = command(
        "completion",
        Effect::Read,
        "Print the script that completes commands, options and values in a shell",
        vec![shell],
        &[
            (
                &format!(
                    "mkdir -p ~/.local/share/bash-completion/completions && {APP} completion bash > ~/.local/share/bash-completion/completions/{APP}"
                ),
                "Complete in bash, with the package bash-completion",
            ),
            ("astro completion bash >> ~/.bashrc", "Complete in bash without that package"),
            (
                &format!("mkdir -p ~/.zfunc && {APP} completion zsh > ~/.zfunc/_{APP}"),
                "Complete in zsh, with the two lines above",
            ),
            (
                &format!(
                    "mkdir -p ~/.config/fish/completions && {APP} completion fish > ~/.config/fish/completions/{APP}.fish"
                ),
                "Complete in fish",
            ),
        ],
        completion,
    );
    completion.long_about = format!("Print the script that completes commands, options and values in a shell.\n\nIt asks {APP} each time, so newly installed plugins complete at once, and the script stays good when {APP} is upgraded or moved. It runs the {APP} that is typed.").to_owned();
    completion.sections = vec![Section {
        title: "zsh".to_owned(),
        text: format!(
            "zsh finds `_{APP}` when `~/.zshrc` has these two lines, in this order:\nfpath=(~/.zfunc $fpath)\nautoload -Uz compinit && compinit"
        ),
    }];
    vec![completion]
}

pub(super) fn completion(request: &Request<'_>) -> Result<i32> {
    let shell = request.required("shell")?;
    request.env.print(&Shell::named(shell)?.script())
}
