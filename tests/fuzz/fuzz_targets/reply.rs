#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    peermon_fuzz::reply(bytes);
});
