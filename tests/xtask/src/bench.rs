//! tbd
use crate::shell::Result;
pub(crate) fn run(_: &[&str]) -> Result {
    Ok(())
}
