"""What is done for hot videos once they are ready: AV1 renditions beside the H.264 ones, at low priority."""
