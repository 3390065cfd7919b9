"""Every fault that is injected, and the test that does it. What the program does then: ARCHITECTURE.md, "Faults".

camera
    unplugged and replugged     puppet/test_webcam.py::test_an_unplugged_camera_is_waited_for_and_goes_on
    back, but busy              puppet/test_webcam.py::test_a_camera_that_comes_back_busy_stays_away_until_it_is_free
    back in another size        puppet/test_webcam.py::test_a_camera_that_comes_back_in_another_size_keeps_the_first
    size changes midway         safety/test_camera_faults.py::test_a_size_that_changes_midway_is_fitted_into_the_first
    driver blocks               puppet/test_pipeline.py::test_a_camera_that_blocks_lets_the_portrait_hold_and_rest
    blocks while stopped        safety/test_camera_faults.py::test_a_stop_does_not_wait_for_a_driver_that_hangs
    blocks while closed         safety/test_camera_faults.py::test_a_camera_that_is_closed_while_its_driver_hangs_is_released_when_the_driver_comes_back
    black, corrupt content      safety/test_camera_faults.py::test_the_portrait_lives_on_through_black_and_damaged_pictures
    frozen frames               safety/test_camera_faults.py::test_frozen_frames_are_a_driver_who_sits_still
    frames that do not decode   safety/test_camera_faults.py::test_damaged_frames_are_skipped_and_only_many_in_a_row_are_a_camera_that_is_away
    clock jumps                 safety/test_camera_faults.py::test_a_clock_that_jumps_moves_nothing_but_the_clock
stages and engines
    error or no memory, once    safety/test_stage_faults.py::test_a_stage_that_fails_once_is_not_seen
    tracker, pose fail          safety/test_stage_faults.py::test_perception_that_fails_is_a_lost_face_with_its_reason_and_comes_back
    generator fails             safety/test_stage_faults.py::test_painting_that_fails_is_the_slate_with_its_reason_and_comes_back
    a stage fails for good      safety/test_stage_faults.py::test_a_stage_that_goes_on_failing_ends_the_run_in_one_sentence
    an error nobody foresaw     safety/test_taint.py::test_an_exception_in_a_stage_shows_nothing_of_the_camera
    NaN pose                    safety/test_stage_faults.py::test_a_pose_that_is_no_number_is_dropped_and_the_filter_stays_clean
    NaN landmarks               safety/test_stage_faults.py::test_landmarks_that_are_no_numbers_are_dropped
    NaN code                    safety/test_stage_faults.py::test_a_code_that_is_no_number_is_not_painted
    NaN inside the generator    safety/test_stage_faults.py::test_a_generator_that_paints_nothing_is_the_slate
    engine closed under a run   safety/test_stage_faults.py::test_an_engine_that_is_closed_under_a_run_ends_it_in_one_sentence
    engine hangs                puppet/test_pipeline.py::test_a_painting_thread_that_hangs_is_a_stall
    hangs while stopped         safety/test_stage_faults.py::test_a_generator_that_hangs_is_left_behind_when_the_run_is_ended
    GPU disappears              engines/test_ladder.py::test_a_gpu_that_disappears_costs_no_call
    GPU lost in mid-stream      puppet/test_painter.py::test_tensorrt_takes_over_paints_the_same_and_is_lost_again
    engine does not open        engines/test_ladder.py::test_what_cannot_be_opened_is_said_and_the_next_serves
    engine paints otherwise     engines/test_ladder.py::test_one_that_paints_something_else_never_serves
    builder fails or crashes    puppet/test_painter.py::test_a_child_that_fails_is_said_and_the_stream_goes_on
    no memory to build          engines/test_tensorrt_engine.py::test_too_little_memory_to_build_is_said
    no memory to open           engines/test_tensorrt_engine.py::test_what_fails_while_opening_is_said_and_given_back
    plan from another GPU       engines/test_tensorrt_engine.py::test_a_plan_from_another_gpu_is_built_again
    plan damaged                engines/test_cache.py::test_no_damage_passes
outputs
    sink blocks                 safety/test_output_faults.py::test_a_sink_that_blocks_does_not_stop_the_others_and_is_left_behind_at_the_end
    sink fails                  puppet/test_pipeline.py::test_in_real_time_a_sink_may_fail_while_another_takes_the_pictures
    disk full, recording        safety/test_output_faults.py::test_a_full_disk_ends_the_recording_and_not_the_stream
    disk full, --output         safety/test_output_faults.py::test_a_full_disk_ends_a_headless_run_and_keeps_the_video
    disk full at the end        puppet/test_growing_file.py::test_a_disk_that_is_full_at_the_very_end_leaves_a_video_too
    disk full from the start    safety/test_output_faults.py::test_a_disk_that_is_full_from_the_start_leaves_no_broken_file
    folder removed              safety/test_output_faults.py::test_a_folder_that_is_removed_while_recording_is_made_again
    virtual camera refuses      safety/test_output_faults.py::test_a_driver_that_refuses_a_picture_is_opened_again_and_the_window_says_so
    goes on refusing            safety/test_output_faults.py::test_a_device_that_goes_on_refusing_is_said_and_the_preview_goes_on
    device gone                 puppet/test_virtual_camera.py::test_a_device_that_is_gone_ends_it_in_one_sentence
    watchdog killed             puppet/test_virtual_camera.py::test_a_killed_process_is_started_again_twice_and_then_it_is_said
    watchdog hangs              puppet/test_virtual_camera.py::test_a_process_that_hangs_is_replaced
other programs
    sender silent, sees nobody  puppet/test_listening.py::test_a_sender_drives_and_one_that_falls_silent_is_a_lost_face
    rubbish at the VMC port     puppet/test_vmc_receiver.py::test_rubbish_is_one_sentence_in_the_log
    hostile VMC                 puppet/test_vmc_receiver.py::test_whatever_is_said_the_pose_is_one_of_its_space
    another sender              puppet/test_vmc_receiver.py::test_a_second_sender_is_not_heard_while_the_first_one_speaks
    nobody hears what is sent   puppet/test_vmc_sender.py::test_nobody_there_is_no_error
    rubbish at the API port     puppet/test_api_server.py::test_rubbish_harms_nobody
    a web page at the API port  puppet/test_api_server.py::test_who_has_not_and_every_web_page_is_turned_away
files and processes
    bundle, data vanish         safety/test_output_faults.py::test_files_that_vanish_while_it_runs_are_not_needed
    Ctrl-C, once and twice      safety/test_camera_faults.py::test_ctrl_c_ends_the_process_while_the_driver_hangs_and_the_video_is_kept
    SIGTERM during start-up     safety/test_process_faults.py::test_sigterm_during_start_up_ends_in_one_sentence_and_leaves_nothing
    SIGTERM, child killed       safety/test_taint.py::test_signals_and_kills_show_nothing_of_the_camera
    program stalls              puppet/test_watchdog.py::test_a_program_that_stalls_is_covered_by_the_slate_and_goes_on_on_the_same_device
    program killed              puppet/test_watchdog.py::test_when_the_program_is_killed_the_slate_stays_for_a_while_and_then_the_device_is_closed
    killed while recording      puppet/test_growing_file.py::test_what_a_killed_program_leaves_can_be_played
    program, watchdog killed    puppet/test_watchdog.py::test_what_dead_ones_have_left_is_cleared_away
    enrolment's child killed    safety/test_process_faults.py::test_an_enrolment_whose_child_is_killed_is_one_sentence_and_the_session_goes_on
    closed while enrolling      safety/test_process_faults.py::test_a_session_that_is_closed_while_a_portrait_is_tuned_leaves_no_child_and_no_files
"""  # noqa: E501

import re
from pathlib import Path


def test_every_fault_of_the_table_has_its_test():
    tests = Path(__file__).parents[1]
    rows = re.findall(r"^    (\S.*?) {2,}(\S+)::(\w+)$", __doc__, re.MULTILINE)
    assert len(rows) >= 25 and len({row[0] for row in rows}) == len(rows)
    for fault, file, name in rows:
        assert f"\ndef {name}(" in (tests / file).read_text(encoding="utf-8"), fault
