//! Numbers as people read them.

/// A 1-minute load and the like, from hundredths: two digits.
pub fn hundredths(number: u32) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

/// Memory, from MiB: `512 MiB`, `5.9 GiB`, `128 GiB`, `1.5 TiB`.
pub fn memory(mib: u32) -> String {
    data(u64::from(mib) << 20)
}

/// An amount of data, from bytes, in the unit in which it is at least one, if there is such: `17 B`, `1.5 KiB`,
/// `128 MiB`.
pub fn data(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let tenths = |shift: u32| (u128::from(bytes) * 10 + (1 << (shift - 1))) >> shift;
    let (mut shift, mut unit) = (10, "KiB");
    for larger in ["MiB", "GiB", "TiB"] {
        if tenths(shift) < 10_240 {
            break;
        }
        (shift, unit) = (shift + 10, larger);
    }
    // Three digits are enough where there are as many before the point.
    match tenths(shift) {
        tenths @ 0..1000 => format!("{}.{} {unit}", tenths / 10, tenths % 10),
        tenths => format!("{} {unit}", (tenths + 5) / 10),
    }
}

/// An age, from hundredths of a second: `1.5 s`, then as [`span`].
pub fn age(hundredths: u64) -> String {
    // Rounded up as ages are: nothing looks younger than it is.
    let tenths = hundredths.div_ceil(10);
    if tenths < 1000 { format!("{}.{} s", tenths / 10, tenths % 10) } else { span(hundredths / 100) }
}

/// A span, from seconds, in its two largest units: `45 s`, `2 min 5 s`, `3 h 12 min`, `12 d 4 h`.
pub fn span(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min {} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_the_unit_that_fits() {
        assert_eq!([0, 7, 120, 12_345].map(hundredths), ["0.00", "0.07", "1.20", "123.45"]);
        assert_eq!(
            [0, 7, 512, 1023, 1024, 6042, 131_072, 1_048_575, 1_572_864, u32::MAX].map(memory),
            [
                "0 B", "7.0 MiB", "512 MiB", "1023 MiB", "1.0 GiB", "5.9 GiB", "128 GiB", "1.0 TiB", "1.5 TiB",
                "4096 TiB"
            ]
        );
        assert_eq!(
            [0, 1, 150, 9990, 9991, 12_500].map(age),
            ["0.0 s", "0.1 s", "1.5 s", "99.9 s", "1 min 39 s", "2 min 5 s"]
        );
        assert_eq!(
            [0, 59, 60, 3599, 3600, 86_399, 86_400, 1_051_200].map(span),
            ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "23 h 59 min", "1 d 0 h", "12 d 4 h"]
        );
        assert_eq!(
            [0, 1023, 1024, 1536, 3 << 30, u64::MAX].map(data),
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "3.0 GiB", "16777216 TiB"]
        );
    }
}
