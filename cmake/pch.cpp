// Holds the precompiled header (cmake/pch.h) that all rooms reuse.
