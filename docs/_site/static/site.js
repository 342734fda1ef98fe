// Opened from a disk, a page may not read the others: results of a search are then shown without their text.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
