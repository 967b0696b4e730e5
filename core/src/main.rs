//! The door of the `astro` binary.

fn main() -> ! {
    astro_host::main()
}
