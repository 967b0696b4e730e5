//! `generate TEMPLATE DIR COUNT`: fills a store with copies of a plugin file under other names and words, so
//! that the benchmarks can show that cost does not grow with the number of plugins.

use std::{error::Error, fs, path::Path};

use astro_plugin_protocol::{
    manifest::Manifest,
    plugin_file::{FOOTER_LEN, Footer, assemble},
};
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [template, dir, count] = args.as_slice() else { return Err("generate TEMPLATE DIR COUNT".into()) };
    let bytes = fs::read(template)?;
    let footer = Footer::parse(&bytes[bytes.len().saturating_sub(FOOTER_LEN)..], bytes.len() as u64)?;
    let end = usize::try_from(footer.manifest_offset)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes[end..end + usize::try_from(footer.manifest_len)?])?;
    for number in 0..count.parse::<u32>()? {
        let name = format!("generated-{number:04}");
        let mut manifest = manifest.clone();
        manifest.name = name.clone();
        for command in &mut manifest.commands {
            command.path = format!("{name} {}", command.path);
        }
        let encoded = serde_json::to_vec(&manifest)?;
        let file = assemble(&bytes[..end], &encoded, &footer.triple, footer.abi, footer.glibc)?;
        let path = Path::new(dir).join(format!("{name}.astro-plugin"));
        fs::write(&path, &file)?;
        let hash: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        let record = serde_json::json!({
            "name": name, "version": manifest.version, "source": "bundled",
            "path": format!("{name}.astro-plugin"), "hash": hash, "installed_at": 1, "manifest": manifest,
        });
        fs::write(Path::new(dir).join(format!("{name}.installed")), record.to_string())?;
    }
    Ok(())
}
