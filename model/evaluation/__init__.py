"""Walk-forward evaluation: forecasters fitted on the past, scored on the hours that followed."""
