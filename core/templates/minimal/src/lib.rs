use astro_plugin_sdk::prelude::*;

/// {{about}}
#[derive(Args)]
struct {{struct}} {
    /// Who to greet
    #[arg(long, default_value = "world")]
    name: String,
}

#[derive(Serialize)]
struct Greeting {
    greeting: String,
}

impl Command for {{struct}} {
    const PATH: &'static str = "{{command}}";
    const EFFECT: Effect = Effect::Read;
    type Output = Greeting;

    fn declare(spec: &mut Spec) {
        spec.example("astro {{command}} --name Ada", "Greet Ada");
    }

    async fn run(self, _: Context) -> Result<Greeting> {
        Ok(Greeting { greeting: format!("Hello {}!", self.name) })
    }
}

export_plugin!(crate_plugin!(){{group}}.command::<{{struct}}>());

mod tests;
