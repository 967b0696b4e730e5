//! The stored inputs of the fuzz targets, replayed: what was found once stays found.

use std::fs;

use astro_e2e::{fuzz::TARGETS, workspace};

#[test]
fn every_stored_input_is_survived() {
    for (name, target) in TARGETS {
        let corpus = workspace().join("tests/fuzz/corpus").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display())) {
            let path = entry.expect("an entry").path();
            target(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no stored inputs");
    }
}
