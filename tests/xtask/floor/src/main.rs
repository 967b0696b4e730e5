//! tbd
fn main(){}
