//! The newcomer's session from nothing to a token that expires, mistakes included. The sessions of the other
//! kinds of user are in `profiles.rs` (several accounts) and `third_party.rs` (author); all three are stored in
//! `tests/journeys`.

use astro_e2e::TestEnv;

#[test]
fn a_newcomer_makes_and_keeps_a_token() {
    let env = TestEnv::new();
    let mut session = env.transcript();
    session.note("what is this");
    session.run("");
    session.run("deployment token lsit");
    session.note("a local API to try it with");
    session.run("sandbox start");
    session.run("deployment list");
    session.note("a token, after some mistakes; nobody can be asked here");
    session.run("deployment token create");
    session.run("deployment token create --name ci --role ADMIN");
    session.run("deployment token create --name ci --role DEPLOYMENT_ADMIN --expiration 5000");
    session.run("deployment token create --name ci --role DEPLOYMENT_ADMIN --expiration 30");
    session.run("deployment token list");
    session.note("a new value for a script");
    session.run("deployment token rotate --name ci --clean-output");
    session.run("deployment token rotate --name ci --yes --clean-output");
    session.run(
        "deployment token update --name ci --new-name \"CI of main\" --description \"Deploys from main\"",
    );
    session.note("what expires soon");
    session.run("deployment token list --expiring-within 60d -o clean");
    session.run("deployment token delete --name ci --yes");
    session.run("deployment token delete --name \"CI of main\" --yes");
    session.note("who am I");
    session.run("context");
    session.run("sandbox stop");
    session.run("deployment list");
    session.assert("journeys/newcomer.txt");
}
