//! For tests alone, in no library that is installed: what is allocated now, and a function that panics.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use super::border::guarded;
use super::failure::Failure;

static BLOCKS: AtomicI64 = AtomicI64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator, counted; realloc and alloc_zeroed are the trait's own, by alloc and dealloc.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            BLOCKS.fetch_add(1, Relaxed);
            BYTES.fetch_add(layout.size() as i64, Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, Relaxed);
        BYTES.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Blocks that are allocated and not freed.
#[unsafe(no_mangle)]
extern "C" fn plmhead_test_blocks() -> i64 {
    BLOCKS.load(Relaxed)
}

/// Their bytes.
#[unsafe(no_mangle)]
extern "C" fn plmhead_test_bytes() -> i64 {
    BYTES.load(Relaxed)
}

/// # Safety
/// `error` is NULL or may be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_test_panic(error: *mut *mut Failure) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guarded(error, || panic!("asked for")) }
}
