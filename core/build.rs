//! Tells the host which target it was built for: a plugin file names its own in the footer.

fn main() {
    let triple = std::env::var("TARGET").expect("cargo sets TARGET");
    println!("cargo::rustc-env=ASTRO_TARGET_TRIPLE={triple}");
    println!("cargo::rerun-if-changed=build.rs");
}
