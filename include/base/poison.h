/* poison: tells AddressSanitizer which memory of an allocator of ours is nobody's; nothing without it. */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define POISON_IS_SEEN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_IS_SEEN 1
#endif
#endif

#ifdef POISON_IS_SEEN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#endif
