//! The entry point of the `astro` binary.

fn main() -> ! {
    astro_host::main(&astro::ASTRO)
}
