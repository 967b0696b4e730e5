//! The command line of {{name}}: its plugins share one sign-in, one set of profiles and one way to show results.

use astro_host::product::{Api, Dimension, Oidc, Product, Program, Vocabulary};

static PRODUCT: Product = Product {
    program: Program {
        name: "{{name}}",
        prefix: "{{prefix}}",
        vocabulary: Vocabulary { dimensions: &[TEAM], ..Vocabulary::NONE },
    },
    version: env!("CARGO_PKG_VERSION"),
    folder: "{{name}}",
    directory_file: ".{{name}}.toml",
    lock_file: "{{name}}-plugins.lock",
    extension: "{{name}}-plugin",
    about: "{{name}} runs command plugins with one sign-in, one set of profiles and one way to show results.",
    // Without a default address, a user names it in {{prefix}}_API_URL when signing in.
    api: Api { title: "the API of {{name}}", base_path: "/v1", ..Api::NONE },
    // The API names its issuer in `/.well-known/oauth-protected-resource` (RFC 9728), which knows this client.
    sign_in: &Oidc { client_id: "{{name}}-cli", ..Oidc::AT_THE_API },
    ..Product::STANDARD
};

/// What commands act on: `--team`, {{prefix}}_TEAM_ID, a line of a profile. The API lists them at `/teams`.
const TEAM: Dimension = Dimension::new("team", &["teams"], "/team", |text| text.starts_with("team-"));

fn main() -> ! {
    astro_host::main(&PRODUCT)
}
